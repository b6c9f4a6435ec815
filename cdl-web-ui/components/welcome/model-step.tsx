"use client";

import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { useForm, useWatch } from "react-hook-form";
import { z } from "zod";

import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { ErrorState, Section, Waiting } from "@/components/ui/states";
import { request } from "@/lib/api";
import { cn } from "@/lib/classes";
import type { Answer } from "@/lib/routes";
import { useChangeSettings, useSettings } from "@/lib/settings";
import { welcome } from "@/texts/welcome";

const t = welcome.model;

type Kind = keyof typeof t.kinds;

const ADDRESSES: Record<Kind, string> = {
  openrouter: "https://openrouter.ai/api/v1",
  openai: "https://api.openai.com/v1",
  lmstudio: "http://localhost:1234/v1",
  ollama: "http://localhost:11434/v1",
  local: "",
};
const KEYLESS: Kind[] = ["lmstudio", "ollama"];

const Model = z.object({
  choice: z.string(),
  url: z.string().trim().regex(/^https?:\/\/[^\s/]+/i, t.urlWrong),
  key: z.string(),
  model: z.string().trim().min(1, t.modelNeeded),
});
type Model = z.infer<typeof Model>;

/** Where the words come from: what runs on this machine is offered first. */
export function ModelStep() {
  const found = useQuery({ queryKey: ["settings", "found"], queryFn: () => request("GET /api/settings/llm/found") });
  const settings = useSettings();
  const change = useChangeSettings();
  const setting = (key: string) => settings.data?.find((each) => each.key === key);
  const fixed = (setting("llm.url")?.fixed || setting("llm.kind")?.fixed) ?? false;
  const form = useForm<Model>({
    resolver: zodResolver(Model),
    mode: "onTouched",
    defaultValues: { choice: "", url: "", key: "", model: "" },
  });
  const choice = useWatch({ control: form.control, name: "choice" });
  const { errors } = form.formState;
  const names = useId();

  const body = (values: Model) => ({ url: values.url.trim(), model: values.model.trim() || undefined, key: values.key || undefined });
  const test = useMutation({
    mutationFn: (values: Model | null) =>
      request("POST /api/settings/llm/test", { body: values ? body(values) : {} }),
    onSuccess: (answer) => {
      const first = answer.models[0];
      if (first && !form.getValues("model")) form.setValue("model", first, { shouldValidate: true });
    },
  });
  const use = useMutation({
    mutationFn: (values: Model) =>
      change({
        "llm.kind": kindOf(values.choice),
        "llm.url": values.url.trim(),
        "llm.model": values.model.trim(),
        ...(values.key ? { "llm.key": values.key } : {}),
      }),
  });

  function choose(value: string, url: string, model = "") {
    form.reset({ choice: value, url, key: "", model });
    test.reset();
    use.reset();
  }

  const servers = found.data?.servers ?? [];
  return (
    <Section title={t.title} intro={t.intro}>
      {settings.error ? <ErrorState error={settings.error} retry={() => void settings.refetch()} className="mb-4" /> : null}
      {fixed ? (
        <div className="grid justify-items-start gap-4">
          <p>{t.fixed(String(setting("llm.model")?.value ?? ""))}</p>
          <Button onClick={() => test.mutate(null)} disabled={test.isPending}>
            {t.test}
          </Button>
        </div>
      ) : (
        <form noValidate className="grid gap-5" onSubmit={(event) => void form.handleSubmit((values) => use.mutate(values))(event)}>
          <fieldset className="grid gap-2">
            <legend className="mb-2 text-sm font-strong">{t.legend}</legend>
            {found.isFetching ? <p className="text-sm text-soft">{t.looking}</p> : null}
            <div className="flex flex-wrap gap-2">
              {servers.map((server) => (
                <Option
                  key={server.url}
                  label={t.found(server.name, server.models.length)}
                  chosen={choice === server.url}
                  onChoose={() => choose(server.url, server.url, server.models[0])}
                />
              ))}
              {(Object.keys(t.kinds) as Kind[]).map((kind) => (
                <Option key={kind} label={t.kinds[kind]} chosen={choice === kind} onChoose={() => choose(kind, ADDRESSES[kind])} />
              ))}
            </div>
          </fieldset>
          {choice ? (
            <div className="animate-appear grid max-w-xl gap-5">
              <Field label={t.url} help={t.urlHelp} error={errors.url?.message}>
                <Input type="url" placeholder={t.urlExample} {...form.register("url")} />
              </Field>
              {KEYLESS.includes(choice as Kind) ? null : (
                <Field label={t.key} help={t.keyHelp} error={errors.key?.message}>
                  <Input type="password" autoComplete="off" placeholder={t.keyExample} {...form.register("key")} />
                </Field>
              )}
              <Field label={t.modelName} help={t.modelHelp} error={errors.model?.message}>
                <Input list={names} placeholder={t.modelExample} autoComplete="off" {...form.register("model")} />
              </Field>
              <datalist id={names}>
                {(test.data?.models ?? servers.find((each) => each.url === choice)?.models ?? []).map((model) => (
                  <option key={model} value={model} />
                ))}
              </datalist>
              <div className="flex flex-wrap gap-2">
                <Button
                  onClick={() => void form.trigger("url").then((good) => (good ? test.mutate(form.getValues()) : undefined))}
                  disabled={test.isPending}
                >
                  {t.test}
                </Button>
                <Button type="submit" look="accent" disabled={use.isPending}>
                  {t.use}
                </Button>
              </div>
            </div>
          ) : null}
        </form>
      )}
      <div className="mt-4 grid max-w-xl gap-2" aria-live="polite">
        {test.isPending ? <Waiting what={t.testing} /> : null}
        {test.data ? <TestResult answer={test.data} /> : null}
        {test.error ? <ErrorState error={test.error} /> : null}
        {use.error ? <ErrorState error={use.error} /> : null}
        {use.isSuccess ? <p className="text-sm text-good">{t.used}</p> : null}
      </div>
    </Section>
  );
}

function kindOf(choice: string): string {
  return choice in t.kinds ? choice : "local";
}

function TestResult({ answer }: { answer: Answer<"POST /api/settings/llm/test"> }) {
  const works = answer.reachable && answer.authorised;
  return (
    <div className={cn("rounded-md p-3 text-sm", works ? "bg-surface" : "bg-danger-soft")}>
      <p>{answer.summary}</p>
      {answer.next_step ? <p className="mt-1 text-soft">{answer.next_step}</p> : null}
    </div>
  );
}

function Option({ label, chosen, onChoose }: { label: string; chosen: boolean; onChoose: () => void }) {
  return (
    <label
      className={cn(
        "cursor-pointer rounded-md border bg-raised px-3 py-2 text-sm has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent",
        chosen ? "border-accent font-strong text-accent" : "border-line",
      )}
    >
      <input type="radio" name="where" checked={chosen} onChange={onChoose} className="sr-only" />
      {label}
    </label>
  );
}
