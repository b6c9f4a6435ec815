"use client";

import { ArrowDown, ArrowUp, ChevronDown, GripVertical, Plus, X } from "lucide-react";
import { type DragEvent, useId, useState } from "react";

import { type Edited, Leaf, linesOf } from "@/components/characters/leaf";
import { Button } from "@/components/ui/button";
import { Coded } from "@/components/ui/coded";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { TextArea } from "@/components/ui/input";
import { useToast } from "@/components/ui/toast";
import { useProblem } from "@/lib/characters-problems";
import { cn } from "@/lib/classes";
import { exampleOf, isDocument, isShort, kindOf, labelOf } from "@/lib/characters-schema";
import type { Document, Json, Node } from "@/lib/characters-types";
import { editor } from "@/texts/editor";

const t = editor.list;

/** A list whose entries are texts, with details where the schema has some. */
export function List({ node, place, label, value, onChange }: Edited) {
  const entries = Array.isArray(value) ? value : [];
  const [pasting, setPasting] = useState(false);
  const [dragged, setDragged] = useState<number | null>(null);
  const heading = useId();
  const say = useToast();
  const problem = useProblem(place);
  const item = node.items ?? {};

  function set(index: number, entry: Json) {
    onChange(entries.map((each, other) => (other === index ? entry : each)));
  }

  function move(from: number, to: number) {
    const moved = entries[from];
    if (moved === undefined || to < 0 || to >= entries.length) return;
    onChange(entries.toSpliced(from, 1).toSpliced(to, 0, moved));
  }

  function remove(index: number) {
    onChange(entries.toSpliced(index, 1));
    say(t.removed, { undo: () => onChange(entries) });
  }

  const example = exampleOf(item);
  return (
    <div role="group" aria-labelledby={heading} className="grid gap-2">
      <div className="flex items-center justify-between gap-2">
        <p id={heading} className="text-sm font-strong">
          {label}
        </p>
        <Button look="quiet" size="small" aria-label={t.pasteOf(label)} onClick={() => setPasting(true)}>
          {t.paste}
        </Button>
      </div>
      {node.description ? (
        <p className="text-sm text-soft">
          <Coded text={node.description} /> {entries.length === 0 && example ? t.example(example) : null}
        </p>
      ) : null}
      {problem ? <p className="text-sm text-danger">{problem}</p> : null}
      <ol className="grid gap-2">
        {entries.map((entry, index) => (
          <Entry
            key={index}
            node={item}
            place={`${place}.${index}`}
            label={t.entry(label, index + 1)}
            value={entry}
            onChange={(next) => set(index, next)}
            onUp={index > 0 ? () => move(index, index - 1) : undefined}
            onDown={index < entries.length - 1 ? () => move(index, index + 1) : undefined}
            onRemove={() => remove(index)}
            onDrag={(event) => {
              event.dataTransfer.effectAllowed = "move";
              setDragged(index);
            }}
            onDrop={() => {
              if (dragged !== null) move(dragged, index);
              setDragged(null);
            }}
            dragging={dragged !== null}
          />
        ))}
      </ol>
      <Button size="small" className="justify-self-start" aria-label={t.addTo(label)} onClick={() => onChange([...entries, plain(item) ? "" : { text: "" }])}>
        <Plus size={15} aria-hidden /> {t.add}
      </Button>
      {pasting ? (
        <Paste
          label={label}
          onClose={() => setPasting(false)}
          onPaste={(lines) => onChange([...entries, ...lines.map((line): Json => (plain(item) ? line : { text: line }))])}
        />
      ) : null}
    </div>
  );
}

/** Whether an entry may be a text alone. */
function plain(item: Node): boolean {
  return [item.type ?? []].flat().includes("string");
}

interface EntryProps extends Edited {
  onUp?: () => void;
  onDown?: () => void;
  onRemove: () => void;
  onDrag: (event: DragEvent) => void;
  onDrop: () => void;
  dragging: boolean;
}

function Entry({ node, place, label, value, onChange, onUp, onDown, onRemove, onDrag, onDrop, dragging }: EntryProps) {
  const [open, setOpen] = useState(false);
  const problem = useProblem(place);
  const textProblem = useProblem(`${place}.text`);
  const document: Document = isDocument(value) ? value : {};
  const text = typeof value === "string" ? value : typeof document.text === "string" ? document.text : "";
  const details = Object.entries(node.properties ?? {}).filter(([name]) => name !== "text");
  const hasText = plain(node) || Boolean(node.properties?.text);
  const told = Object.keys(document).filter((name) => name !== "text").length;
  const shown = open || !hasText;

  function setText(next: string) {
    onChange(isDocument(value) ? { ...value, text: next } : next);
  }

  function setDetail(name: string, next: Json) {
    const whole: Document = isDocument(value) ? { ...value } : text ? { text } : {};
    if (next === null || next === "" || (Array.isArray(next) && next.length === 0)) delete whole[name];
    else whole[name] = next;
    const names = Object.keys(whole);
    onChange(plain(node) && names.every((each) => each === "text") ? text : whole);
  }

  return (
    <li
      className={cn("rounded-md border border-line bg-raised p-2", dragging && "hover:border-accent")}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        onDrop();
      }}
    >
      <div className="flex items-start gap-1">
        <span draggable onDragStart={onDrag} title={t.drag(label)} aria-hidden className="hidden cursor-grab pt-2.5 text-soft sm:block">
          <GripVertical size={16} />
        </span>
        {hasText ? (
          <TextArea
            aria-label={label}
            rows={1}
            value={text}
            placeholder={exampleOf(node.properties?.text ?? node)}
            aria-invalid={problem || textProblem ? true : undefined}
            onChange={({ target }) => setText(target.value)}
            className="min-w-0 grow py-1.5"
          />
        ) : (
          <span className="grow pt-1.5 text-sm font-strong">{typeof document.name === "string" ? document.name : label}</span>
        )}
        <div className="flex shrink-0">
          {details.length && hasText ? (
            <Button look="quiet" size="icon-small" aria-expanded={open} aria-label={t.detailsOf(label)} onClick={() => setOpen(!open)}>
              <ChevronDown size={16} aria-hidden className={cn("transition-transform", open && "rotate-180", told > 0 && "text-accent")} />
            </Button>
          ) : null}
          <Button look="quiet" size="icon-small" aria-label={t.up(label)} disabled={!onUp} onClick={onUp}>
            <ArrowUp size={15} aria-hidden />
          </Button>
          <Button look="quiet" size="icon-small" aria-label={t.down(label)} disabled={!onDown} onClick={onDown}>
            <ArrowDown size={15} aria-hidden />
          </Button>
          <Button look="quiet" size="icon-small" aria-label={t.remove(label)} onClick={onRemove}>
            <X size={16} aria-hidden />
          </Button>
        </div>
      </div>
      {(problem ?? textProblem) ? <p className="px-2 pt-1 text-sm text-danger">{problem ?? textProblem}</p> : null}
      {shown && details.length ? (
        <div className="grid items-start gap-4 p-2 pt-3 sm:grid-cols-2">
          {details.map(([name, each]) => (
            <div key={name} className={isShort(each) ? undefined : "sm:col-span-2"}>
              <Detail node={each} place={`${place}.${name}`} label={labelOf(name)} value={document[name]} onChange={(next) => setDetail(name, next)} />
            </div>
          ))}
        </div>
      ) : null}
    </li>
  );
}

/** Any value inside an entry. */
export function Detail(edited: Edited) {
  const kind = kindOf(edited.node);
  return kind === "items" || kind === "texts" ? <List {...edited} /> : <Leaf {...edited} />;
}

function Paste({ label, onPaste, onClose }: { label: string; onPaste: (lines: string[]) => void; onClose: () => void }) {
  const [text, setText] = useState("");
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t.pasteOf(label)}
      actions={
        <Button look="accent" disabled={!text.trim()} onClick={() => (onPaste(linesOf(text)), onClose())}>
          {t.pasteGo}
        </Button>
      }
    >
      <Field label={label} help={t.pasteHelp}>
        <TextArea rows={6} value={text} onChange={({ target }) => setText(target.value)} />
      </Field>
    </Dialog>
  );
}
