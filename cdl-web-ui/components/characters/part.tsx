"use client";

import { useController } from "react-hook-form";

import { BigFive } from "@/components/characters/big-five";
import { Leaf } from "@/components/characters/leaf";
import { List } from "@/components/characters/list";
import { Entries } from "@/components/characters/lorebook";
import { Coded } from "@/components/ui/coded";
import { isShort, kindOf, labelOf, wrongWith } from "@/lib/characters-schema";
import type { Json, Node } from "@/lib/characters-types";
import { cn } from "@/lib/classes";

interface Place {
  node: Node;
  place: string;
  label: string;
}

/** A place of the schema with all that is below it. */
export function Part({ node, place, label, top = false }: Place & { top?: boolean }) {
  if (kindOf(node) !== "object" || place === "personality.big_five") return <Controlled node={node} place={place} label={label} />;
  const inside = Object.entries(node.properties ?? {}).sort(([a], [b]) => rankOf(a) - rankOf(b));
  return (
    <fieldset className={cn("min-w-0", top ? "" : "rounded-md border border-line p-4")}>
      <legend className={top ? "mb-1 text-lg font-strong" : "px-1 text-sm font-strong"}>{label}</legend>
      {node.description ? (
        <p className="mb-5 text-sm text-soft">
          <Coded text={node.description} />
        </p>
      ) : null}
      <div className="grid items-start gap-x-5 gap-y-6 sm:grid-cols-2">
        {inside.map(([name, each]) => (
          <div key={name} className={cn("min-w-0", isShort(each) ? "" : "sm:col-span-2")}>
            <Part node={each} place={`${place}.${name}`} label={labelOf(name)} />
          </div>
        ))}
      </div>
    </fieldset>
  );
}

/** What the author came for is first, what other programs left is last; the rest stays in the schema's order. */
function rankOf(name: string): number {
  return name === "entries" ? -1 : name === "extensions" ? 1 : 0;
}

function Controlled({ node, place, label }: Place) {
  const { field, fieldState } = useController({
    name: place,
    rules: { validate: (value: Json | undefined) => wrongWith(node, value) ?? true },
  });
  const edited = {
    node,
    place,
    label,
    value: field.value as Json | undefined,
    onChange: field.onChange as (value: Json) => void,
    onBlur: field.onBlur,
    error: fieldState.error?.message,
  };
  if (place === "personality.big_five") return <BigFive {...edited} />;
  if (place === "lorebook.entries") return <Entries {...edited} />;
  const kind = kindOf(node);
  return kind === "items" || kind === "texts" ? <List {...edited} /> : <Leaf {...edited} />;
}
