"use client";

import { type FormEvent, useState } from "react";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { TextArea } from "@/components/ui/input";
import { ErrorState } from "@/components/ui/states";
import { memory as t } from "@/texts/memory";

interface Props {
  title: string;
  label: string;
  text: string;
  onClose: () => void;
  onSave: (text: string) => Promise<unknown>;
}

/** Other words for one thing that is remembered. */
export function EditDialog({ title, label, text, onClose, onSave }: Props) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const words = String(new FormData(event.currentTarget).get("text") ?? "").trim();
    if (!words) return;
    setBusy(true);
    try {
      await onSave(words);
      onClose();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }

  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={title}>
      <form onSubmit={(event) => void submit(event)} className="grid gap-4">
        <Field label={label}>
          <TextArea name="text" defaultValue={text} maxLength={8000} />
        </Field>
        {error ? <ErrorState error={error} /> : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t.keep}</Button>
          <Button type="submit" look="accent" disabled={busy}>
            {t.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
