import type { ComponentProps, ReactNode } from "react";

import { cn } from "@/lib/classes";

/** Scrolls by itself where it is wider than the page. `caption` says what it lists, for screen readers. */
export function Table({ caption, head, children, className }: { caption: string; head: ReactNode[]; children: ReactNode; className?: string }) {
  return (
    <div className={cn("overflow-x-auto", className)} role="region" aria-label={caption} tabIndex={0}>
      <table className="w-full border-collapse text-left text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-b border-line text-soft">
            {head.map((cell, index) => (
              <th key={index} scope="col" className="px-2 py-2 font-normal first:pl-0">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function Row(props: ComponentProps<"tr">) {
  return <tr {...props} className={cn("border-b border-line align-top", props.className)} />;
}

export function Cell(props: ComponentProps<"td">) {
  return <td {...props} className={cn("px-2 py-2.5 first:pl-0", props.className)} />;
}
