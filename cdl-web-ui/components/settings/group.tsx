"use client";

import { useState } from "react";
import { FormProvider, useForm } from "react-hook-form";

import { Row } from "@/components/settings/row";
import { Button } from "@/components/ui/button";
import { ErrorState } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { ApiError } from "@/lib/api";
import { changesOf, fieldOf, type Fields, formOf } from "@/lib/settings-form";
import { type Setting, useChangeSettings } from "@/lib/settings";
import { settings as t } from "@/texts/settings";

/** One form of settings that are saved together: all or none. */
export function Group({ settings }: { settings: Setting[] }) {
  const change = useChangeSettings();
  const say = useToast();
  const [error, setError] = useState<unknown>(null);
  const form = useForm<Fields>({ values: formOf(settings), resetOptions: { keepDirtyValues: true }, mode: "onBlur" });
  const { isDirty, isSubmitting } = form.formState;

  async function store(changes: Record<string, unknown>) {
    setError(null);
    try {
      await change(changes);
      for (const key of Object.keys(changes)) form.resetField(fieldOf(key));
      say(t.saved);
    } catch (reason) {
      const problems = reason instanceof ApiError ? (reason.body.problems as { key: string; message: string }[] | undefined) : undefined;
      for (const { key, message } of problems ?? []) form.setError(fieldOf(key), { message });
      setError(reason);
    }
  }

  async function submit(values: Fields) {
    const changes = changesOf(settings, values);
    if (Object.keys(changes).length) await store(changes);
    else say(t.nothing);
  }

  return (
    <FormProvider {...form}>
      <form noValidate className="mb-10 grid max-w-xl gap-6" onSubmit={(event) => void form.handleSubmit(submit)(event)}>
        {settings.map((setting) => (
          <Row key={setting.key} setting={setting} onUnset={() => void store({ [setting.key]: null })} />
        ))}
        {error ? <ErrorState error={error} /> : null}
        <Button type="submit" look="accent" disabled={!isDirty || isSubmitting} className="justify-self-start">
          {t.save}
        </Button>
      </form>
    </FormProvider>
  );
}
