"use client";

import { ArrowDown, ArrowUp, Plus, X } from "lucide-react";
import { useState } from "react";
import { useFieldArray, useForm } from "react-hook-form";
import { zodResolver } from "@hookform/resolvers/zod";
import { z } from "zod";

import { TrialResult, useTrial } from "@/components/settings/trial";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { ErrorState, Section } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { type Endpoint, type Setting, useChangeSettings } from "@/lib/settings";
import { settings } from "@/texts/settings";

const t = settings.endpoints;

const Number_ = z.string().trim().regex(/^(\d+([.]\d+)?)?$/, settings.wrong.number);
const Entry = z.object({
  url: z.string().trim().regex(/^https?:\/\/[^\s/]+/i, t.urlWrong),
  model: z.string(),
  name: z.string(),
  key: z.string(),
  keySet: z.boolean(),
  temperature: Number_,
  maxTokens: Number_,
  pricePrompt: Number_,
  priceCompletion: Number_,
  fallback: z.boolean(),
});
const Entries = z.object({ entries: z.array(Entry) });
type Entry = z.infer<typeof Entry>;
type Entries = z.infer<typeof Entries>;

const EMPTY: Entry = { url: "", model: "", name: "", key: "", keySet: false, temperature: "", maxTokens: "", pricePrompt: "", priceCompletion: "", fallback: true };

/** What is asked when the first endpoint fails, in this order. */
export function Endpoints({ setting }: { setting: Setting }) {
  const form = useForm<Entries>({
    resolver: zodResolver(Entries),
    mode: "onTouched",
    defaultValues: { entries: ((setting.value ?? []) as Endpoint[]).map(entryOf) },
  });
  const { fields, append, remove, move } = useFieldArray({ control: form.control, name: "entries" });
  const { isDirty, isSubmitting, errors } = form.formState;
  const change = useChangeSettings();
  const say = useToast();
  const [error, setError] = useState<unknown>(null);

  async function submit({ entries }: Entries) {
    setError(null);
    try {
      await change({ [setting.key]: entries.map(endpointOf) });
      say(settings.saved);
    } catch (reason) {
      setError(reason);
    }
  }

  const text = (index: number, name: Exclude<keyof Entry, "keySet" | "fallback">, label: string, more: { help?: string; placeholder?: string; type?: string } = {}) => (
    <Field label={label} help={more.help} error={errors.entries?.[index]?.[name]?.message}>
      <Input autoComplete="off" spellCheck={false} disabled={setting.fixed} placeholder={more.placeholder} type={more.type} {...form.register(`entries.${index}.${name}`)} />
    </Field>
  );

  return (
    <Section title={t.title} intro={t.intro}>
      {setting.fixed ? <p className="mb-4 text-sm font-strong">{settings.fixed(setting.variable)}</p> : null}
      <form noValidate className="grid max-w-xl gap-4" onSubmit={(event) => void form.handleSubmit(submit)(event)}>
        {fields.length === 0 ? <p className="text-sm text-soft">{t.none}</p> : null}
        <ol className="grid gap-4">
          {fields.map((field, index) => (
            <li key={field.id} className="grid gap-4 rounded-lg border border-line p-4">
              <div className="flex items-center gap-1">
                <h3 className="grow font-strong">{t.one(index + 1)}</h3>
                <Button look="quiet" size="icon-small" aria-label={t.up(index + 1)} disabled={setting.fixed || index === 0} onClick={() => move(index, index - 1)}>
                  <ArrowUp size={16} aria-hidden />
                </Button>
                <Button look="quiet" size="icon-small" aria-label={t.down(index + 1)} disabled={setting.fixed || index === fields.length - 1} onClick={() => move(index, index + 1)}>
                  <ArrowDown size={16} aria-hidden />
                </Button>
                <Button look="quiet" size="icon-small" aria-label={t.remove(index + 1)} disabled={setting.fixed} onClick={() => remove(index)}>
                  <X size={16} aria-hidden />
                </Button>
              </div>
              {text(index, "url", t.url, { placeholder: t.urlExample, type: "url" })}
              {text(index, "model", t.model, { help: t.modelHelp })}
              {text(index, "key", t.key, { type: "password", placeholder: field.keySet ? settings.secretSet : settings.secretUnset })}
              <details>
                <summary className="text-sm text-soft">{t.more}</summary>
                <div className="mt-3 grid gap-4 sm:grid-cols-2">
                  {text(index, "name", t.name, { help: t.nameHelp })}
                  {text(index, "temperature", t.temperature)}
                  {text(index, "maxTokens", t.maxTokens)}
                  {text(index, "pricePrompt", t.pricePrompt)}
                  {text(index, "priceCompletion", t.priceCompletion)}
                  <label className="flex items-center gap-2 text-sm">
                    <input type="checkbox" disabled={setting.fixed} className="size-4 accent-accent" {...form.register(`entries.${index}.fallback`)} />
                    {t.fallback}
                  </label>
                </div>
              </details>
              <EndpointTrial index={index} unsaved={isDirty} />
            </li>
          ))}
        </ol>
        {error ? <ErrorState error={error} /> : null}
        <div className="flex flex-wrap gap-2">
          <Button disabled={setting.fixed} onClick={() => append(EMPTY)}>
            <Plus size={16} aria-hidden /> {t.add}
          </Button>
          <Button type="submit" look="accent" disabled={!isDirty || isSubmitting}>
            {t.save}
          </Button>
        </div>
      </form>
    </Section>
  );
}

function EndpointTrial({ index, unsaved }: { index: number; unsaved: boolean }) {
  const test = useTrial();
  return (
    <div>
      <Button size="small" disabled={unsaved || test.isPending} onClick={() => test.mutate(index)}>
        {t.test(index + 1)}
      </Button>
      {unsaved ? <p className="mt-1 text-sm text-soft">{t.unsavedTest}</p> : null}
      <TrialResult test={test} />
    </div>
  );
}

function entryOf(endpoint: Endpoint): Entry {
  const text = (value: number | undefined) => (value === undefined ? "" : String(value));
  return {
    url: endpoint.url,
    model: endpoint.model ?? "",
    name: endpoint.name ?? "",
    key: "",
    keySet: endpoint.key_set ?? false,
    temperature: text(endpoint.temperature),
    maxTokens: text(endpoint.max_tokens),
    pricePrompt: text(endpoint.prices?.prompt),
    priceCompletion: text(endpoint.prices?.completion),
    fallback: endpoint.fallback ?? true,
  };
}

/** What was left empty is left out: then the first endpoint's counts, or the key that is kept. */
function endpointOf(entry: Entry): Endpoint {
  const { url, model, name, key, temperature, maxTokens, pricePrompt, priceCompletion, fallback } = entry;
  return {
    url: url.trim(),
    ...(model.trim() ? { model: model.trim() } : {}),
    ...(name.trim() ? { name: name.trim() } : {}),
    ...(key ? { key } : {}),
    ...(temperature ? { temperature: Number(temperature) } : {}),
    ...(maxTokens ? { max_tokens: Number(maxTokens) } : {}),
    ...(pricePrompt || priceCompletion ? { prices: { prompt: Number(pricePrompt), completion: Number(priceCompletion) } } : {}),
    ...(fallback ? {} : { fallback }),
  };
}
