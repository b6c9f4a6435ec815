"use client";

import { useState } from "react";

import { cn } from "@/lib/classes";
import { nameHue } from "@/lib/theme";

const SIZES = [64, 128, 256, 512];

/** A character's picture, or its first letter on its colour. Decoration: the name stands beside it. */
export function Avatar({ name, src, size = 40, className }: { name: string; src: string | null | undefined; size?: number; className?: string }) {
  const [broken, setBroken] = useState<string | null>(null);
  const box = { width: size, height: size };
  if (src && broken !== src) {
    const wanted = SIZES.find((each) => each >= size * 2) ?? 512;
    return (
      <img
        src={`${src}${src.includes("?") ? "&" : "?"}size=${wanted}`}
        alt=""
        style={box}
        loading="lazy"
        onError={() => setBroken(src)}
        className={cn("shrink-0 rounded-full bg-surface object-cover", className)}
      />
    );
  }
  return (
    <span
      aria-hidden
      style={{ ...box, fontSize: size * 0.42, background: `oklch(0.47 0.09 ${nameHue(name)})`, color: "oklch(0.98 0.01 80)" }}
      className={cn("grid shrink-0 place-items-center rounded-full font-serif", className)}
    >
      {[...name.trim()][0]?.toUpperCase() ?? "?"}
    </span>
  );
}
