import { lazy, memo, Suspense } from "react";

const Parsed = lazy(() => import("@/components/chat/markdown-parts").then((part) => ({ default: part.Parsed })));

/** Something that may be more than plain paragraphs. */
const MARKED = /[*_`#>[\]|~\\<&]|https?:|www\.|@|^\s*(\d+[.)]|[-+=])/m;

/** The words of a message. Plain ones need no parser; it is fetched with the first that do. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <div className="grid gap-3 [overflow-wrap:anywhere]">
      {MARKED.test(text) ? (
        <Suspense fallback={<Plain text={text} />}>
          <Parsed text={text} />
        </Suspense>
      ) : (
        <Plain text={text} />
      )}
    </div>
  );
});

function Plain({ text }: { text: string }) {
  return text.split(/\n{2,}/).map((paragraph, index) => (
    <p key={index} className="whitespace-pre-wrap">
      {paragraph}
    </p>
  ));
}
