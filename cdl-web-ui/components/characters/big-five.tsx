"use client";

import { type Edited, Leaf, Share } from "@/components/characters/leaf";
import { useProblem } from "@/lib/characters-problems";
import { isDocument, labelOf } from "@/lib/characters-schema";
import type { Document, Json, Node } from "@/lib/characters-types";
import { editor } from "@/texts/editor";

const t = editor.bigFive;
const SIZE = 240;
const RADIUS = 78;

/** Five sliders and their picture. A trait is a number, or more than one when words stand beside it. */
export function BigFive({ node, place, label, value, onChange }: Edited) {
  const traits: Document = isDocument(value) ? value : {};
  const names = Object.keys(node.properties ?? {});
  return (
    <fieldset className="min-w-0">
      <legend className="text-sm font-strong">{label}</legend>
      <p className="text-sm text-soft">{node.description}</p>
      <Radar points={names.map((name) => ({ name: labelOf(name), value: strengthOf(traits[name]) }))} />
      <div className="grid gap-6">
        {names.map((name) => (
          <Trait
            key={name}
            node={node.properties?.[name] ?? {}}
            place={`${place}.${name}`}
            label={labelOf(name)}
            value={traits[name]}
            onChange={(next) => onChange({ ...traits, [name]: next })}
          />
        ))}
      </div>
    </fieldset>
  );
}

function strengthOf(trait: Json | undefined): number | null {
  const value = isDocument(trait) ? trait.value : trait;
  return typeof value === "number" ? value : null;
}

function Trait({ node, place, label, value, onChange }: Edited) {
  const problem = useProblem(place);
  const words: Document = isDocument(value) ? value : {};

  function set(name: string, next: Json) {
    const strength = strengthOf(value);
    const whole: Document = { ...words };
    if (strength !== null) whole.value = strength;
    if (next === null || next === "") delete whole[name];
    else whole[name] = next;
    const bare = Object.keys(whole).every((each) => each === "value");
    onChange(bare ? (whole.value ?? null) : whole);
  }

  const inside = (name: string): Node => node.properties?.[name] ?? { type: "string", maxLength: 500 };
  return (
    <div className="grid gap-3">
      <Share node={node} place={place} label={label} value={strengthOf(value) ?? undefined} onChange={(next) => set("value", next)} error={problem} />
      <div className="grid items-start gap-3 sm:grid-cols-[2fr_1fr]">
        <Leaf
          node={{ ...inside("text"), description: undefined }}
          place={`${place}.text`}
          label={t.how(label)}
          value={words.text}
          onChange={(next) => set("text", next)}
        />
        <Leaf
          node={{ ...inside("intensity"), description: undefined }}
          place={`${place}.intensity`}
          label={t.word(label)}
          value={words.intensity}
          onChange={(next) => set("intensity", next)}
        />
      </div>
    </div>
  );
}

/** Named at its points; the sliders below are its table. What is not set is drawn in the middle. */
function Radar({ points }: { points: { name: string; value: number | null }[] }) {
  const at = (index: number, share: number) => {
    const turn = (index / points.length) * 2 * Math.PI - Math.PI / 2;
    return { x: SIZE / 2 + Math.cos(turn) * RADIUS * share, y: SIZE / 2 + Math.sin(turn) * RADIUS * share };
  };
  const outline = (share: (index: number) => number) =>
    points
      .map((_, index) => at(index, share(index)))
      .map(({ x, y }) => `${x},${y}`)
      .join(" ");
  return (
    <svg aria-hidden viewBox={`-70 0 ${SIZE + 140} ${SIZE}`} className="mx-auto my-2 h-60 w-full max-w-md">
      {[1 / 3, 2 / 3, 1].map((share) => (
        <polygon key={share} points={outline(() => share)} fill="none" stroke="var(--line)" />
      ))}
      {points.map((_, index) => {
        const end = at(index, 1);
        return <line key={index} x1={SIZE / 2} y1={SIZE / 2} x2={end.x} y2={end.y} stroke="var(--line)" />;
      })}
      <polygon points={outline((index) => points[index]?.value ?? 0.5)} fill="var(--accent)" fillOpacity={0.16} stroke="var(--accent)" strokeWidth={2} />
      {points.map(({ name, value }, index) => {
        const mark = at(index, value ?? 0.5);
        const label = at(index, 1.16);
        const side = Math.abs(label.x - SIZE / 2) < 8 ? "middle" : label.x > SIZE / 2 ? "start" : "end";
        return (
          <g key={name}>
            <circle cx={mark.x} cy={mark.y} r={3.5} fill={value === null ? "var(--page)" : "var(--accent)"} stroke="var(--accent)" />
            <text x={label.x} y={label.y + 4} textAnchor={side} fontSize={12} fill="var(--ink)">
              {name}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
