import type { NextConfig } from "next";

const config: NextConfig = {
  output: "export",
  // `/status` is a route of the service; the page stands at `/status/`.
  trailingSlash: true,
  images: { unoptimized: true },
  reactStrictMode: true,
};

export default config;
