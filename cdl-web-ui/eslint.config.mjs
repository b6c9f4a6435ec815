import coreWebVitals from "eslint-config-next/core-web-vitals";
import typescript from "eslint-config-next/typescript";

const config = [
  { ignores: [".next/**", "out/**", "next-env.d.ts", "lib/api-schema.d.ts"] },
  ...coreWebVitals,
  ...typescript,
  {
    rules: {
      "no-restricted-imports": ["error", { paths: [{ name: "next/image", message: "Pictures come sized from the service." }] }],
      "@next/next/no-img-element": "off",
      "@typescript-eslint/no-explicit-any": "error",
      eqeqeq: "error",
    },
  },
];

export default config;
