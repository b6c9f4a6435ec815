"""What a message wants of somebody who remembers and does not reason: told apart by its wording, in English."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

READ_CHARS = 4000

_STOP_WORDS = """
    a about again ago ah all already also always am an and another any anything are aren't as ask asked at away be
    because been before being but by can can't cannot cool could couldn't day days did didn't do does doesn't doing
    don't done dont each earlier else even ever every everything far few fine for forget forgot forgotten from get
    give go good got great had haha has have he her here hers him his hm hmm how how's however hows i i'd i'll i'm
    i've if im in into is isn't it it's its ive just kind knew know last let like lol long lot many may maybe me
    mention mentioned might mine more most much must my myself name named never nice no nope not now of off oh ok okay
    on once one only or other our ours out over own past please pls quite really recall remember remembered remind
    right said same say saying says shall she should so some something sometimes somewhere sort still such sure talk
    talked talking tell telling than that that's thats the their them then there these they thing things think this
    those time times to today told too true two u up upon us very want was wasn't we we've well were what what's whats
    when when's where where's wheres which while who who's whom whos whose why will with won't would wouldn't wow yeah
    yep yes yesterday yet you you'd you'll you're you've your yours
"""
_STOP = frozenset(_STOP_WORDS.split())
_WH = frozenset({"what", "when", "where", "who", "whom", "whose", "which", "why", "how"})
_SHORT_IS = ("'s", "s", "'re", "'d")
_AUXILIARY_WORDS = """
    am is are was were do does did have has had can could will would should shall may might must happened isn't aren't
    wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't won't wouldn't shouldn't
"""
_AUXILIARY = frozenset(_AUXILIARY_WORDS.split())
_PRONOUN = frozenset({"i", "you", "u", "we", "they", "he", "she", "it"})
_BEFORE_VERB = _PRONOUN | {"my", "your", "his", "her", "our", "their", "this", "that", "there", "i'm", "i've"}
_OWN = frozenset({"i", "my", "mine", "we", "our", "ours", "us", "i'm", "im", "i've", "ive", "i'd", "myself"})

_SENTENCE = re.compile(r"[^.!?…\n？。！؟]*[.!?…\n？。！؟]+|[^.!?…\n？。！؟]+$")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_HELLO = re.compile(
    r"^(hi+|he+y+|hello+|hiya|howdy|yo|greetings|hola|good (morning|evening|afternoon|day)|long time no see"
    r"|i'?m back)\b"
    r"((,? (there|again|everyone|all|my friend|friend|dear|dr))*(,? [\w'-]+)?\s*([,;.!?~:)]+\s*|$)|[\s,;.!?~:)]+)"
)
_BYE = re.compile(
    r"^(ok(ay)?,? |well,? |alright,? )?((good ?)?bye|good ?night|see (you|ya)|cya|ttyl"
    r"|talk (to you )?(later|soon|tomorrow)|take care(?! of)|gtg"
    r"|(gotta|(i have|i've got|i need|i got) to) go( now)?\W*$"
    r"|(until (tomorrow|next time)|later)\W*$)"
)
_THANKS = re.compile(r"^(oh,? |ok(ay)?,? |many )?(thanks|thank (you|u)|thx|ty|cheers|much appreciated)\b(?! to)")
_KEEP = re.compile(
    r"^((please|always|and|also|just|but|so),? )*"
    r"(remember( this| that|:|,)|don'?t (ever )?forget|keep in mind|note that|make a note)"
)
_DESPAIR = re.compile(
    r"\b(kill(ing)? myself|suicid\w+|end (my life|it all)|(want|wanted|wish) to die|wish i (was|were) dead"
    r"|don'?t want to (live|be alive|exist)|(hurt|harm|cut)(ting|ing)? myself|self[- ]harm\w*)\b"
)
_WHO_ARE_YOU = re.compile(
    r"\b((who|what) (exactly )?are (you|u)( exactly| really)?$|what('s| is|s) (your|ur) name"
    r"|introduce yourself|about yourself"
    r"|are (you|u) (really |actually )?(an? )?(real|human|bot|robot|ai|person|program|machine|language model)\b)"
)
_HOW_ARE_YOU = re.compile(
    r"\b(how (are|r) (you|u)|how('s| is) it going|how have you been|how do you do|what('s| is) up)\b"
)
_ABOUT_PERSON = re.compile(
    r"\b(know|remember|recall|learn\w*|memor\w+|told)\b.*\b(about|of|on) (me|us|myself)\b"
    r"|\b(about|of) (me|myself)\b.*\b(know|remember|recall|learn\w*|memor\w+)\b"
    r"|\bdo (you|u) (still |even |really )*(remember|know|recogni[sz]e) me\b|\bwho am i\b"
    r"|\bmemory summary\b|\bsummar\w+ (of )?(me|us|what|our|my)\b"
    r"|\bwhat (all )?(have|did) (i|we) (ever |already )*(tell|told|said|say|talk|talked|discuss|discussed)"
    r"( about| to)*( you)?( so far| until now| before| yet| last time| yesterday| today| earlier)*$"
)
_RECALLING = re.compile(
    r"\b(remember|recall|remind me)\b"
    r"|\b(i|we)('ve| have| had)? (ever |already |just |also )*"
    r"(told|said|mentioned|shared|talked|spoke|discussed|asked)\b"
    r"|\b(did|have|had|didn't|haven't) (i|we) (ever |already |just |also |not )*"
    r"(tell|told|say|said|mention\w*|talk\w*|speak|share\w*|discuss\w*|ask\w*)\b"
    r"|\bi (forgot|forget|have forgotten|'ve forgotten)\b|\b(last time|the other day|back then|earlier|yesterday)\b"
    r"|\blast (night|week|month|year|spring|summer|autumn|fall|winter)\b"
)
_YOUR_WORDS = re.compile(
    r"\b(you|u)('ve| have| had)? (ever |already |just )*(said|told|mentioned|promised|suggested|recommended|advised)\b"
    r"|\b(did|have) (you|u) (ever |already |just )*(say|said|tell|told|mention|promise|suggest|recommend|advise)\w*\b"
    r"|\byour (advice|suggestion|idea|story|words|answer|recommendation)\b"
)
_ADVICE = re.compile(
    r"\b(should|shall|can|could|may|might|would|must|will)(n't| not)? (i|we)\b"
    r"|\bwhy (am|do|can't|don't|can|is|are) (i|we)\b|\bhow (do|can|to|would|should) (i|we)\b(?!.*\bmy\b)"
)
_REQUEST = re.compile(
    r"^(tell|remind) me (again |please |once more )*"
    r"(what|when|where|who|which|whose|why|how|about|of|if|whether|everything|my)"
    r"|^(can|could|would|will) (you|u) (please |still )*(tell|remind|remember|recall)"
    r"|^remember (when|what|where|who|which|how)\b"
    r"|^(list|show me|repeat|recall|summari[sz]e|quote) (what|everything|all|my)\b"
    r"|^i (really )?(can't|cannot|can not|don't|do not|couldn't) (quite )?(remember|recall) "
    r"(what|when|where|who|which|how|if|my)"
    r"|^i('ve| have)? (forgot|forget|forgotten) (what|when|where|who|which|how|if|whether|my)"
    r"|^i ?(wonder|was wondering|want to know|would like to know|need to know|'d like to know) "
    r"(what|when|where|who|which|how|if)"
)
_LEAD_IN = re.compile(r"^((and|but|so|ok|okay|well|now|then|also|please|pls|just|by the way|btw|hm+|say|oh)[\s,]+)+")


class Want(Enum):
    GREETING = auto()
    FAREWELL = auto()
    THANKS = auto()
    DESPAIR = auto()
    WHO_ARE_YOU = auto()
    HOW_ARE_YOU = auto()
    ABOUT_PERSON = auto()
    PAST = auto()
    QUESTION = auto()
    KEEP = auto()
    STATEMENT = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """`topic`: what `keys` gives for the question; `your_words`: it asks for what the character said."""

    want: Want
    topic: frozenset[str]
    your_words: bool = False


def understand(message: str) -> Asked:
    """What the message wants. A question anywhere in it counts more than what is told around it."""
    text = plain(message)
    hello = _HELLO.match(text)
    rest = text[hello.end() :] if hello else text
    if not keys(rest) and not rest.strip(" .,!?"):
        return Asked(Want.GREETING if hello else Want.STATEMENT, frozenset())
    if _HOW_ARE_YOU.search(rest) and not keys(_HOW_ARE_YOU.sub("", rest)):
        return Asked(Want.HOW_ARE_YOU, frozenset())
    if _DESPAIR.search(rest):
        return Asked(Want.DESPAIR, keys(rest))
    questions = [sentence for sentence in sentences(rest) if asks(sentence)]
    if not questions:
        return Asked(_told(rest), keys(rest))
    asked = " ".join(questions)
    topic = keys(asked)
    bare = asked.rstrip(" ?!.")
    your_words = bool(_YOUR_WORDS.search(asked))
    if not topic - _SUMMARY and _ABOUT_PERSON.search(bare):
        return Asked(Want.ABOUT_PERSON, topic)
    if _WHO_ARE_YOU.search(bare):
        return Asked(Want.WHO_ARE_YOU, topic)
    if your_words or _RECALLING.search(asked) or (_OWN & set(_WORD.findall(asked)) and not _ADVICE.search(asked)):
        # "My sister called. Do you remember her?" names its topic outside of the question.
        return Asked(Want.PAST, topic or keys(rest), your_words)
    return Asked(Want.QUESTION, topic)


def _told(text: str) -> Want:
    if any(_KEEP.match(sentence) for sentence in sentences(text)):
        return Want.KEEP
    if not tells(text) and _THANKS.match(text):
        return Want.THANKS
    if not tells(text) and _BYE.match(text):
        return Want.FAREWELL
    return Want.STATEMENT


def tells(message: str) -> bool:
    """Whether the message says anything besides asking, greeting, thanking and taking leave."""
    text = plain(message)
    hello = _HELLO.match(text)
    return any(
        not (asks(sentence) or _THANKS.match(sentence) or _BYE.match(sentence)) and keys(sentence)
        for sentence in sentences(text[hello.end() :] if hello else text)
    )


def asks(sentence: str) -> bool:
    """Whether a sentence of a plain text is a question, with or without its question mark."""
    sentence = sentence.strip()
    if sentence.endswith(("?", "？", "؟")):
        return True
    sentence = _LEAD_IN.sub("", sentence)
    if _REQUEST.search(sentence):
        return True
    words = _WORD.findall(sentence)
    if len(words) < 2:
        return False
    if words[0] == "does":
        return True
    if any(words[0] == asking + short for asking in _WH for short in _SHORT_IS):
        return True
    if words[0] in _WH:
        # "When my sister is here" and "What I like is" tell; "How old is she" asks.
        verb = next((word for word in words[1:6] if word in _AUXILIARY or word in _BEFORE_VERB), "")
        return verb in _AUXILIARY
    # "Do it" and "have the soup" are no questions.
    subjects = _PRONOUN - {"it"} if words[0] in ("do", "have", "had") else _BEFORE_VERB | {"the"}
    return words[0] in _AUXILIARY and words[1] in subjects


def plain(text: str) -> str:
    """Lower case, straight apostrophes, no accents, 4,000 characters at most: the form in which wording is compared."""
    text = text[:READ_CHARS].replace("’", "'")
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def sentences(text: str) -> list[str]:
    return [found.strip() for found in _SENTENCE.findall(text) if found.strip()]


def keys(text: str) -> frozenset[str]:
    """What the words that carry meaning have in common with their other forms: `allergic` and `allergies` are one."""
    words = (word.removesuffix("'s") for word in _WORD.findall(plain(text)))
    return frozenset(_key(word) for word in words if word not in _STOP and (len(word) > 1 or not word.isascii()))


@lru_cache(maxsize=4096)
def _key(word: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not (ending == "s" and word.endswith("ss")):
            word = word.removesuffix(ending) + instead
            if ending in ("ing", "ed") and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:6]


_SUMMARY = keys("learned memories summary")
