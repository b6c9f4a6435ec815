"use client";

import { useEffect } from "react";

import { useStored } from "@/lib/stored";

export type Theme = "light" | "dark" | "system";

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [kept, keep] = useStored("theme");
  const theme: Theme = kept === "light" || kept === "dark" ? kept : "system";
  useEffect(() => {
    const media = window.matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      document.documentElement.dataset.theme = theme === "system" ? (media.matches ? "dark" : "light") : theme;
    };
    apply();
    media.addEventListener("change", apply);
    return () => media.removeEventListener("change", apply);
  }, [theme]);
  return [theme, (next) => keep(next === "system" ? null : next)];
}

/** Gives the page the colour of a character while it is shown: its author's (`#rrggbb`), else one from its name. */
export function useAccent(name: string | undefined, color?: string | null): void {
  useEffect(() => {
    if (!name) return;
    const root = document.documentElement.style;
    root.setProperty("--accent-hue", String(hueOf(color) ?? nameHue(name)));
    return () => {
      root.removeProperty("--accent-hue");
    };
  }, [name, color]);
}

export function nameHue(name: string): number {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return (sum * 47) % 360;
}

/** The hue in OKLCH of `#rrggbb`; null for anything else and for greys. */
export function hueOf(color: string | null | undefined): number | null {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color ?? "");
  if (!found) return null;
  const [r, g, b] = found.slice(1).map((part) => {
    const value = parseInt(part, 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const a = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
  const bb = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  if (Math.hypot(a, bb) < 0.02) return null;
  return Math.round((Math.atan2(bb, a) * 180) / Math.PI + 360) % 360;
}
