"use client";

import { X } from "lucide-react";
import { type ReactElement, useState } from "react";

import { Button } from "@/components/ui/button";
import { Coded } from "@/components/ui/coded";
import { Field } from "@/components/ui/field";
import { Choice, Input, TextArea } from "@/components/ui/input";
import { Slider } from "@/components/ui/slider";
import { useProblem } from "@/lib/characters-problems";
import { exampleOf, kindOf, same } from "@/lib/characters-schema";
import type { Json, Node } from "@/lib/characters-types";
import { editor as t } from "@/texts/editor";

export interface Edited {
  node: Node;
  /** Where it stands in the document, with dots. */
  place: string;
  label: string;
  value: Json | undefined;
  onChange: (value: Json) => void;
  onBlur?: () => void;
  /** What is wrong with it, beside what the service says of its place. */
  error?: string;
}

/** One value of the document, edited as its place in the schema asks. Emptied is `""` or null. */
export function Leaf(edited: Edited) {
  const { node, place, label, value, onChange, onBlur } = edited;
  const [here, setHere] = useState(false);
  const problem = useProblem(place);
  const kind = kindOf(node);
  if (kind === "share") return <Share {...edited} error={edited.error ?? problem} />;
  const common = {
    onFocus: () => setHere(true),
    onBlur: () => {
      setHere(false);
      onBlur?.();
    },
  };
  const example = exampleOf(node);
  const text = value === undefined || value === null || typeof value === "object" ? "" : String(value);
  let control: ReactElement<{ id?: string }>;
  if (kind === "choice" || kind === "flag") {
    const choices = kind === "flag" ? ([["true", t.yes], ["false", t.no]] as const) : (node.enum ?? []).map((each) => [String(each), String(each).replaceAll("_", " ")] as const);
    control = (
      <Choice {...common} value={text} onChange={({ target }) => onChange(kind === "flag" ? (target.value ? target.value === "true" : null) : target.value)}>
        <option value="">{t.unset}</option>
        {choices.map(([each, shown]) => (
          <option key={each} value={each}>
            {shown}
          </option>
        ))}
      </Choice>
    );
  } else if (kind === "number") {
    control = (
      <Input
        {...common}
        type="number"
        step="any"
        inputMode="decimal"
        value={text}
        placeholder={example}
        onChange={({ target }) => onChange(target.value === "" ? null : Number(target.value))}
      />
    );
  } else if (kind === "number-or-text" || kind === "flag-or-number") {
    control = <Input {...common} value={text} placeholder={example} autoComplete="off" onChange={({ target }) => onChange(meant(target.value, kind))} />;
  } else if (kind === "lines") {
    control = <Lines common={common} example={example} value={value} onChange={onChange} />;
  } else if (kind === "free") {
    control = <Free common={common} example={example} value={value} onChange={onChange} />;
  } else if (kind === "area") {
    control = <TextArea {...common} rows={2} value={text} placeholder={example} onChange={({ target }) => onChange(target.value)} />;
  } else {
    control = <Input {...common} value={text} placeholder={example} autoComplete="off" onChange={({ target }) => onChange(target.value)} />;
  }
  return (
    <Field
      label={kind === "colour" ? <Swatch label={label} colour={text} /> : label}
      help={<Coded text={kind === "lines" ? `${node.description ?? ""} ${t.linesHelp}` : (node.description ?? "")} />}
      error={here ? null : (edited.error ?? problem)}
    >
      {control}
    </Field>
  );
}

function Swatch({ label, colour }: { label: string; colour: string }) {
  return (
    <span className="inline-flex items-center gap-2">
      {label}
      {/^#[0-9a-f]{6}$/i.test(colour) ? <span aria-hidden className="size-4 rounded-full border border-line" style={{ background: colour }} /> : null}
    </span>
  );
}

/** Numbers are kept as numbers, yes and no as such, and words as they are. */
function meant(text: string, kind: "number-or-text" | "flag-or-number"): Json {
  const number = Number(text);
  if (text !== "" && String(number) === text) return number;
  if (kind === "flag-or-number" && (text === "true" || text === "false")) return text === "true";
  return text;
}

interface Common {
  onFocus: () => void;
  onBlur: () => void;
}

interface TextProps {
  common: Common;
  example: string;
  value: Json | undefined;
  onChange: (value: Json) => void;
  id?: string;
}

/** A list, one per line. What is typed stays as it is while the list that it means is the same. */
function Lines({ common, example, value, onChange, ...wired }: TextProps) {
  const [typed, setTyped] = useState("");
  const list = Array.isArray(value) ? value.map(String) : [];
  return (
    <TextArea
      {...wired}
      {...common}
      rows={2}
      placeholder={example}
      value={same(linesOf(typed), list) ? typed : list.join("\n")}
      onChange={({ target }) => {
        setTyped(target.value);
        onChange(linesOf(target.value));
      }}
    />
  );
}

export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/** Data without a form of its own, as JSON. */
function Free({ common, example, value, onChange, ...wired }: TextProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const [wrong, setWrong] = useState(false);
  return (
    <>
      <TextArea
        {...wired}
        {...common}
        spellCheck={false}
        className="font-mono text-sm"
        placeholder={example}
        value={typed ?? (value === undefined || value === null ? "" : JSON.stringify(value, null, 2))}
        onChange={({ target }) => {
          setTyped(target.value);
          const read = parsed(target.value);
          setWrong(read === undefined);
          if (read !== undefined) onChange(read);
        }}
        onBlur={() => {
          if (!wrong) setTyped(null);
          common.onBlur();
        }}
      />
      {wrong ? <p className="text-sm text-danger">{t.wrong.json}</p> : null}
    </>
  );
}

function parsed(text: string): Json | undefined {
  if (!text.trim()) return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** From 0 to 1, or not set. */
export function Share({ node, label, value, onChange, onBlur, error }: Edited) {
  const set = typeof value === "number";
  return (
    <div className="grid gap-1">
      <div className="flex h-7 items-center justify-between gap-2 text-sm">
        <span className="font-strong">{label}</span>
        <span className="flex items-center gap-1 text-soft tabular-nums">
          {set ? value.toFixed(2) : t.unset}
          {set ? (
            <Button look="quiet" size="icon-small" className="size-6" aria-label={t.clear(label)} onClick={() => onChange(null)}>
              <X size={14} aria-hidden />
            </Button>
          ) : null}
        </span>
      </div>
      <Slider
        aria-label={label}
        min={0}
        max={1}
        step={0.01}
        value={[set ? value : 0.5]}
        onValueChange={([next]) => onChange(next ?? null)}
        onBlur={onBlur}
        className={set ? undefined : "opacity-55"}
      />
      {error ? <p className="text-sm text-danger">{error}</p> : null}
      <p className="text-sm text-soft">
        <Coded text={node.description ?? ""} />
      </p>
    </div>
  );
}
