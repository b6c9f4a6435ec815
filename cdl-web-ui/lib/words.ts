/** `full_name` is "Full name". */
export function labelOf(name: string, known: Record<string, string> = {}): string {
  const words = known[name] ?? name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
