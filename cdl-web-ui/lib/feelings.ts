export type Shape =
  | "circle"
  | "ring"
  | "square"
  | "diamond"
  | "up"
  | "down"
  | "star"
  | "cross"
  | "hexagon"
  | "heart"
  | "drop"
  | "line";

/** Hues (OKLCH) that stay apart for colour-blind eyes, and a shape of its own for each, as a hue alone says nothing to
 * some. `tone` is how pleasant it is, -1 to 1: the height in the time line. */
export const FEELINGS = {
  love: { hue: 350, chroma: 0.14, shape: "heart", tone: 0.9 },
  joy: { hue: 85, chroma: 0.13, shape: "star", tone: 1 },
  optimism: { hue: 130, chroma: 0.12, shape: "up", tone: 0.7 },
  trust: { hue: 165, chroma: 0.1, shape: "hexagon", tone: 0.6 },
  anticipation: { hue: 60, chroma: 0.13, shape: "diamond", tone: 0.4 },
  surprise: { hue: 220, chroma: 0.11, shape: "ring", tone: 0.15 },
  neutral: { hue: 80, chroma: 0.01, shape: "line", tone: 0 },
  pessimism: { hue: 285, chroma: 0.06, shape: "down", tone: -0.5 },
  sadness: { hue: 250, chroma: 0.12, shape: "drop", tone: -0.8 },
  fear: { hue: 305, chroma: 0.13, shape: "cross", tone: -0.8 },
  disgust: { hue: 110, chroma: 0.09, shape: "square", tone: -0.7 },
  anger: { hue: 30, chroma: 0.16, shape: "circle", tone: -0.9 },
} satisfies Record<string, { hue: number; chroma: number; shape: Shape; tone: number }>;

export type Feeling = keyof typeof FEELINGS;

export function isFeeling(text: string | null | undefined): text is Feeling {
  return Boolean(text) && (text as string) in FEELINGS;
}

export function feelingColor(feeling: Feeling): string {
  const { hue, chroma } = FEELINGS[feeling];
  return `oklch(var(--feeling-light) ${chroma} ${hue})`;
}

/** The outline of a shape in a box of 12 by 12. */
export const SHAPES: Record<Shape, string> = {
  circle: "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10Z",
  ring: "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10ZM6 3.4a2.6 2.6 0 1 1 0 5.2a2.6 2.6 0 1 1 0-5.2Z",
  square: "M1.5 1.5h9v9h-9Z",
  diamond: "M6 .5 11.5 6 6 11.5.5 6Z",
  up: "M6 1 11.5 10.5H.5Z",
  down: "M6 11 .5 1.5h11Z",
  star: "M6 .5 7.7 4.2 11.7 4.6 8.7 7.3 9.6 11.4 6 9.3 2.4 11.4 3.3 7.3.3 4.6 4.3 4.2Z",
  cross: "M4.2.8h3.6v3.4h3.4v3.6H7.8v3.4H4.2V7.8H.8V4.2h3.4Z",
  hexagon: "M3.2 1.2h5.6L11.6 6 8.8 10.8H3.2L.4 6Z",
  heart: "M6 11 1.3 6.2A2.9 2.9 0 0 1 5.6 2.4L6 2.9l.4-.5a2.9 2.9 0 0 1 4.3 3.8Z",
  drop: "M6 .5C8.3 3.6 9.8 5.6 9.8 7.6a3.8 3.8 0 0 1-7.6 0C2.2 5.6 3.7 3.6 6 .5Z",
  line: "M1 4.8h10v2.4H1Z",
};
