"use client";

import { cloneElement, type ReactElement, type ReactNode, useId } from "react";

import { cn } from "@/lib/classes";

interface Control {
  id?: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

interface Props {
  label: ReactNode;
  /** One sentence below the control. */
  help?: ReactNode;
  /** What is wrong, shown beside the field once it was left. */
  error?: string | null;
  className?: string;
  /** The one control; it gets the id and the descriptions. */
  children: ReactElement<Control>;
}

/** Label above, help below, error at the field. */
export function Field({ label, help, error, className, children }: Props) {
  const id = useId();
  const described = [error ? `${id}-error` : null, help ? `${id}-help` : null].filter(Boolean).join(" ");
  return (
    <div className={cn("grid gap-1.5", className)}>
      <label htmlFor={id} className="text-sm font-strong">
        {label}
      </label>
      {cloneElement(children, {
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": error ? true : undefined,
      })}
      {error ? (
        <p id={`${id}-error`} className="text-sm text-danger">
          {error}
        </p>
      ) : null}
      {help ? (
        <p id={`${id}-help`} className="text-sm text-soft">
          {help}
        </p>
      ) : null}
    </div>
  );
}
