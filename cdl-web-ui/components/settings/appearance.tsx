"use client";

import { Field } from "@/components/ui/field";
import { Choice } from "@/components/ui/input";
import { Section } from "@/components/ui/states";
import { type Theme, useTheme } from "@/lib/theme";
import { common } from "@/texts/common";
import { settings } from "@/texts/settings";

const t = settings.appearance;

export function Appearance() {
  const [theme, setTheme] = useTheme();
  return (
    <Section title={t.title} intro={t.intro}>
      <Field label={t.field} className="max-w-xs">
        <Choice value={theme} onChange={({ target }) => setTheme(target.value as Theme)}>
          {(["system", "light", "dark"] as const).map((each) => (
            <option key={each} value={each}>
              {common.theme[each]}
            </option>
          ))}
        </Choice>
      </Field>
    </Section>
  );
}
