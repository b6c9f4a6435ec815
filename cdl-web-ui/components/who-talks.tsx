"use client";

import { type FormEvent } from "react";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { usePerson } from "@/lib/session";
import { common } from "@/texts/common";

const t = common.you;

export function WhoTalks({ onClose }: { onClose: () => void }) {
  const { person, setPerson } = usePerson();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("person") ?? "").trim();
    if (name) setPerson(name);
    onClose();
  }

  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={t.title} description={t.explain}>
      <form onSubmit={submit} className="grid gap-5">
        <Field label={t.field}>
          <Input name="person" defaultValue={person} placeholder={t.example} maxLength={200} required autoComplete="off" />
        </Field>
        <Button type="submit" look="accent" className="justify-self-end">
          {t.save}
        </Button>
      </form>
    </Dialog>
  );
}
