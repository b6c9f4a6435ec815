import { clsx as cn } from "clsx";

/** Class names joined. Where one must win over a component's own of the same kind, it is written with `!`: `px-3!`. */
export { cn };
