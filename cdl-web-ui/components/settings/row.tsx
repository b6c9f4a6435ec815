"use client";

import type { ComponentProps, ReactElement } from "react";
import { useController } from "react-hook-form";

import { Button } from "@/components/ui/button";
import { Coded } from "@/components/ui/coded";
import { Field } from "@/components/ui/field";
import { Choice, Input, TextArea } from "@/components/ui/input";
import { Switch } from "@/components/ui/switch";
import { fieldOf, type Fields, wrongWith } from "@/lib/settings-form";
import type { Setting } from "@/lib/settings";
import { useCharacters } from "@/lib/talk";
import { settings as t } from "@/texts/settings";

const DEFAULT_CHARACTER = "character.default";

/** One setting with what it means, where it comes from, and what is wrong with it. */
export function Row({ setting, onUnset }: { setting: Setting; onUnset: () => void }) {
  const { key, type, fixed, variable, source } = setting;
  const { field, fieldState } = useController<Fields>({
    name: fieldOf(key),
    rules: { validate: (value) => wrongWith(setting, value ?? "") ?? true },
  });
  const label = t.labels[key] ?? setting.label;
  const text = typeof field.value === "string" ? field.value : "";
  const common = { name: field.name, ref: field.ref, onBlur: field.onBlur, disabled: fixed };
  let control: ReactElement<{ id?: string }>;
  if (type === "boolean") control = <Switch {...common} checked={field.value === true} onCheckedChange={field.onChange} />;
  else if (type === "choice")
    control = (
      <Choice {...common} value={text} onChange={field.onChange}>
        {setting.choices?.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </Choice>
    );
  else if (key === DEFAULT_CHARACTER) control = <CharacterChoice {...common} value={text} onChange={field.onChange} />;
  else if (type === "list") control = <TextArea {...common} rows={2} value={text} onChange={field.onChange} />;
  else
    control = (
      <Input
        {...common}
        type={type === "secret" ? "password" : "text"}
        inputMode={type === "number" ? "decimal" : undefined}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={field.onChange}
        placeholder={type === "secret" ? (field.value === null ? t.secretRemoving : setting.set ? t.secretSet : t.secretUnset) : undefined}
      />
    );
  return (
    <div className="grid gap-1">
      <Field
        label={label}
        help={
          <>
            <Coded text={setting.help} /> {type === "list" ? t.linesHelp : null} {fixed ? <strong className="font-strong text-ink">{t.fixed(variable)}</strong> : null}
          </>
        }
        error={fieldState.error?.message ?? setting.problem}
      >
        {control}
      </Field>
      <div className="flex flex-wrap gap-2">
        {type === "secret" && setting.set && !fixed ? (
          <Button size="small" look="quiet" onClick={() => field.onChange(field.value === null ? "" : null)}>
            {field.value === null ? t.secretKeep : t.secretRemove}
          </Button>
        ) : null}
        {source === "stored" && type !== "secret" ? (
          <Button size="small" look="quiet" aria-label={`${label}: ${t.unset}`} onClick={onUnset}>
            {t.unset}
          </Button>
        ) : null}
      </div>
    </div>
  );
}

function CharacterChoice(props: ComponentProps<"select"> & { value: string }) {
  const list = useCharacters().data?.characters ?? [];
  const known = list.some((each) => each.name === props.value);
  return (
    <Choice {...props}>
      {known ? null : <option value={props.value}>{props.value}</option>}
      {list.map((each) => (
        <option key={each.name} value={each.name}>
          {each.display_name}
        </option>
      ))}
    </Choice>
  );
}
