import { Lexer, type Token, type Tokens } from "marked";
import { Fragment, type ReactNode } from "react";

/** Markdown as React elements. There is no step through HTML: tags in the text are shown as the text that they are,
 * links lead only to web and mail addresses, and pictures become links, as nothing is loaded from another host. */
export function Parsed({ text }: { text: string }) {
  return blocks(Lexer.lex(text, { gfm: true, breaks: true }));
}

const SAFE = /^(https?:|mailto:)/i;

function blocks(tokens: Token[]): ReactNode[] {
  return tokens.map((token, index) => <Fragment key={index}>{block(token)}</Fragment>);
}

function block(token: Token): ReactNode {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "paragraph":
      return <p>{inline((token as Tokens.Paragraph).tokens)}</p>;
    case "heading":
      // The page has its own headings; those of a message are words said louder.
      return <p className="font-strong">{inline((token as Tokens.Heading).tokens)}</p>;
    case "code":
      return (
        <pre tabIndex={0} className="overflow-x-auto rounded-md bg-surface p-3 font-mono text-sm leading-normal">
          <code>{(token as Tokens.Code).text}</code>
        </pre>
      );
    case "blockquote":
      return <blockquote className="grid gap-3 border-l-2 border-edge pl-4 text-soft">{blocks((token as Tokens.Blockquote).tokens)}</blockquote>;
    case "list": {
      const list = token as Tokens.List;
      const items = list.items.map((item, index) => <li key={index}>{blocks(item.tokens)}</li>);
      return list.ordered ? (
        <ol start={Number(list.start) || 1} className="list-decimal pl-6">
          {items}
        </ol>
      ) : (
        <ul className="list-disc pl-6">{items}</ul>
      );
    }
    case "table": {
      const table = token as Tokens.Table;
      return (
        <div className="overflow-x-auto" tabIndex={0}>
          <table className="border-collapse text-left text-sm">
            <thead>
              <tr>
                {table.header.map((cell, index) => (
                  <th key={index} scope="col" className="border border-line px-2 py-1">
                    {inline(cell.tokens)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.map((row, number) => (
                <tr key={number}>
                  {row.map((cell, index) => (
                    <td key={index} className="border border-line px-2 py-1">
                      {inline(cell.tokens)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    }
    case "hr":
      return <hr />;
    case "text": {
      const { tokens, text } = token as Tokens.Text;
      return tokens ? <>{inline(tokens)}</> : text;
    }
    default:
      return <p className="whitespace-pre-wrap">{token.raw.trim()}</p>;
  }
}

function inline(tokens: Token[]): ReactNode[] {
  return tokens.map((token, index) => <Fragment key={index}>{piece(token)}</Fragment>);
}

function piece(token: Token): ReactNode {
  switch (token.type) {
    case "strong":
      return <strong className="font-strong">{inline((token as Tokens.Strong).tokens)}</strong>;
    case "em":
      return <em>{inline((token as Tokens.Em).tokens)}</em>;
    case "del":
      return <del>{inline((token as Tokens.Del).tokens)}</del>;
    case "codespan":
      return <code className="rounded-sm bg-surface px-1 font-mono text-sm">{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br />;
    case "link": {
      const { href, tokens } = token as Tokens.Link;
      return link(href, inline(tokens));
    }
    case "image": {
      const { href, text } = token as Tokens.Image;
      return link(href, text || href);
    }
    case "text": {
      const { tokens, text } = token as Tokens.Text;
      return tokens ? <>{inline(tokens)}</> : text;
    }
    case "escape":
      return (token as Tokens.Escape).text;
    default:
      return token.raw;
  }
}

function link(href: string, words: ReactNode): ReactNode {
  if (!SAFE.test(href)) return <>{words}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" className="text-accent underline">
      {words}
    </a>
  );
}
