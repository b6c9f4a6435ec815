"use client";

import { useQuery } from "@tanstack/react-query";

import { EmptyState, ErrorState, Section, Waiting } from "@/components/ui/states";
import { Cell, Row, Table } from "@/components/ui/table";
import { request } from "@/lib/api";
import { dayAndTime } from "@/lib/times";
import { settings } from "@/texts/settings";

const t = settings.audit;

export function Audit() {
  const found = useQuery({ queryKey: ["audit"], queryFn: () => request("GET /api/settings/audit") });
  const entries = found.data?.entries;
  return (
    <Section title={t.title} intro={t.intro}>
      {found.isPending ? <Waiting what={t.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {entries?.length === 0 ? <EmptyState title={t.none} /> : null}
      {entries?.length ? (
        <Table caption={t.title} head={t.head}>
          {entries.map((entry, index) => (
            <Row key={index}>
              <Cell className="whitespace-nowrap">{dayAndTime(entry.at)}</Cell>
              <Cell>{entry.by}</Cell>
              <Cell>{settings.labels[entry.key] ?? entry.key}</Cell>
              <Cell className="text-soft [overflow-wrap:anywhere]">{entry.before ?? t.nothing}</Cell>
              <Cell className="[overflow-wrap:anywhere]">{entry.after ?? t.nothing}</Cell>
            </Row>
          ))}
        </Table>
      ) : null}
    </Section>
  );
}
