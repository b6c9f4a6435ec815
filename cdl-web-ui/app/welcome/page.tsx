import type { Metadata } from "next";

import { Welcome } from "@/components/welcome/welcome";
import { welcome as t } from "@/texts/welcome";

export const metadata: Metadata = { title: t.title };

export default function WelcomePage() {
  return <Welcome />;
}
