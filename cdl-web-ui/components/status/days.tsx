"use client";

import { Bar, BarChart, ResponsiveContainer, XAxis, YAxis } from "recharts";

import { day as asDay } from "@/lib/times";

/** A bar a day, its parts (names of numbers in `data`) on top of each other. */
export function Days({ data, bars }: { data: { day: string }[]; bars: [name: string, colour: string][] }) {
  return (
    <div aria-hidden className="h-40">
      <ResponsiveContainer width="100%" height="100%">
        <BarChart data={data} margin={{ top: 4, right: 0, bottom: 0, left: 0 }} accessibilityLayer={false}>
          <XAxis dataKey="day" tickFormatter={(value: string) => asDay(value).replace(/ \d{4}$/, "")} stroke="var(--soft)" fontSize={12} tickLine={false} minTickGap={40} />
          <YAxis width={48} stroke="var(--soft)" fontSize={12} tickLine={false} axisLine={false} tickFormatter={short} />
          {bars.map(([name, colour]) => (
            <Bar key={name} dataKey={name} stackId="one" fill={colour} isAnimationActive={false} maxBarSize={24} />
          ))}
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}

function short(value: number): string {
  return new Intl.NumberFormat("en-GB", { notation: "compact", maximumSignificantDigits: 2 }).format(value);
}
