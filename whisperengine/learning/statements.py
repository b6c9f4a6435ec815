"""What a person states in a message: their own words only, and of those the sentences that assert something.

Left out are quotes, code, role-play, pasted talk, questions, conditions, wishes, reports of what others said, jokes
that say so, and what used to be. Every expression here is linear in the length of the text.
"""

from __future__ import annotations

import re

from whisperengine.llm.asking import asks, plain

GAP = "\x1f"
"""Stands where something was taken out, so that nothing is read across the hole."""

_FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_TAKEN_OUT = re.compile(
    r"`[^`\n]*(?:`|$)"
    r'|"[^"\n]*(?:"|$)|“[^”\n]*(?:”|$)|«[^»\n]*(?:»|$)|„[^“”\n]*(?:[“”]|$)|「[^」\n]*(?:」|$)'
    r"|(?<![\w'])'[^'\n]*(?:'(?!\w)|$)|‘(?:[^‘'\n]|'(?=\w))*+'(?!\w)"
    r"|\*(?!\s)[^*\n]*(?:\*|$)"
    r"|(?<!\w)_[^_\n]+_(?!\w)"
    r"|\bhttps?://\S+|\bwww\.\S+",
    re.MULTILINE,
)
_OTHERS_LINE = re.compile(r"^[ \t]*(?:[>|]|\[?\d{1,2}:\d\d).*$", re.MULTILINE)
_SCRIPT_LINE = re.compile(r"^[ \t]*([^\W\d_][\w .'-]{0,30}):[ \t]\S.*$", re.MULTILINE)
_OWN_LABELS = re.compile(
    r"^(?:ps|p\.s\.?|note|update|edit|fyi|btw|reminder|about me|me|my \w+|fun fact|fact|also|hi|hello|well|so|anyway"
    r"|correction|news|confession|truth|intro|summary|tl;?dr)$",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+", re.MULTILINE)
_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|\n+|(?<=[。！？])")
_BACK_TO_YOU = re.compile(
    r"(?:[,;.!–—-]|(?<![ \t]))[ \t]*+\b(?:and|what about|how about|what's|hbu|wbu)?[ \t]*"
    r"(?:you|u|yours|yourself|hbu|wbu)[ \t]*\?+\s*$",
    re.IGNORECASE,
)
_JOKING = re.compile(
    r"\b(?:just kidding|i'?m kidding|jk|just joking|i'?m joking|only joking|not really|april fools?)\b"
)
_NOT_ASSERTED = re.compile(
    # Conditions, wishes, play
    r"\b(?:if|unless|whether|wish|wishes|wished|imagine|imagining|pretend|pretending|suppose|supposing|hypothetically"
    r"|role-?play\w*|as though|let's say|say i|what if|in another life|another universe|i dreamed|i dreamt|my dream"
    r"|in (?:my|the|this|a|that|her|his|our) (?:dreams?|story|novel|game|book|play|film|movie|song|poem|fanfic"
    r"|campaign)|my character|my oc|my persona|one day|some ?day|would|could|might)\b"
    # What others said, or what only sounds like an assertion
    r"|\b(?:said|says|saying|claims?|claimed|asked|asks|thinks|believes|believed|wrote|texted|replied|insists?|joked"
    r"|jokes|rumou?rs?|apparently|supposedly|allegedly|lyrics?|quot(?:e|es|ed|ing)"
    r"|(?:told|tells|tell) (?:me|us|her|him|them|everyone|everybody|people|my \w+))\b"
    # What is over
    r"|\b(?:when i was|when we were|back when|back then|used to|as a (?:kid|child|teen|teenager|student)|no longer"
    r"|any ?more|in those days|once upon|formerly|previously|at the time)\b"
)
_HEDGED = re.compile(r"\b(?:maybe|perhaps|probably|possibly|not sure|i guess|i doubt)\b")


def own_words(text: str) -> str:
    """`text` with straight apostrophes and without quotes, code, role-play, addresses and lines of others."""
    text = text.replace("’", "'").replace(GAP, " ")
    text = _FENCED.sub(f"\n{GAP}\n", text)
    text = _OTHERS_LINE.sub(GAP, text)
    text = _SCRIPT_LINE.sub(_unless_own, text)
    text = _BULLET.sub("", text.replace("**", "").replace("__", ""))
    return _TAKEN_OUT.sub(f" {GAP} ", text)


def statements(text: str) -> list[str]:
    """The sentences of a message that its author asserts of the present, in order; each as it was written."""
    words = own_words(text)
    if _JOKING.search(words.lower()):
        return []
    found = []
    for sentence in _END.split(words):
        sentence = (
            _BACK_TO_YOU.sub("", sentence.strip()).strip() if sentence.rstrip().endswith("?") else sentence.strip()
        )
        lowered = plain(sentence)
        if len(sentence) < 3 or asks(lowered) or _NOT_ASSERTED.search(lowered) or _HEDGED.search(lowered):
            continue
        found.append(sentence)
    return found


def _unless_own(line: re.Match[str]) -> str:
    """A line `Tom: I love it` is what Tom said; `PS: I love it` is the author's."""
    return line.group() if _OWN_LABELS.match(line.group(1).strip()) else GAP
