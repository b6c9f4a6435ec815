import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";

import { Providers } from "@/components/providers";
import { Shell } from "@/components/shell";
import { THEME_SCRIPT } from "@/lib/theme-script";
import { common as t } from "@/texts/common";

import "./globals.css";

export const metadata: Metadata = { title: { default: t.name, template: `%s · ${t.name}` }, robots: "noindex" };
export const viewport: Viewport = { width: "device-width", initialScale: 1 };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en" suppressHydrationWarning>
      <head>
        <script dangerouslySetInnerHTML={{ __html: THEME_SCRIPT }} />
      </head>
      <body>
        <Providers>
          <Shell>{children}</Shell>
        </Providers>
      </body>
    </html>
  );
}
