"use client";

import { type FormEvent, useState } from "react";

import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Page } from "@/components/ui/states";
import { ApiError } from "@/lib/api";
import { useSignIn } from "@/lib/session";
import { common } from "@/texts/common";

const t = common.signIn;

export function SignIn() {
  const signIn = useSignIn();
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get("key") ?? "").trim();
    if (!key) return setError(t.needed);
    setBusy(true);
    try {
      await signIn(key);
    } catch (reason) {
      const refused = reason instanceof ApiError && reason.status === 401;
      setError(refused ? t.refused : reason instanceof Error ? reason.message : common.unexpected);
      setBusy(false);
    }
  }

  return (
    <Page>
      <form onSubmit={(event) => void submit(event)} className="mx-auto mt-[12vh] grid max-w-md gap-5" noValidate>
        <h1 className="text-xl font-strong">{t.title}</h1>
        <p className="text-soft">{t.intro}</p>
        <Field label={t.field} help={t.help} error={error}>
          <Input name="key" type="password" autoComplete="current-password" placeholder={t.example} spellCheck={false} autoFocus />
        </Field>
        <Button type="submit" look="accent" disabled={busy} className="justify-self-start">
          {t.submit}
        </Button>
      </form>
    </Page>
  );
}
