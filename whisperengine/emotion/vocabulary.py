"""The emoji, words and played actions that `cues.py` looks for: emoji by character, all else as regular expressions."""

from __future__ import annotations

EMOJI: dict[str, str] = {
    **dict.fromkeys("😂🤣😆😹😝😜🤪", "amusement"),
    **dict.fromkeys("😀😃😄😁😊🙂☺😇😌😎🥲", "joy"),
    **dict.fromkeys("🎉🥳🤩🎊🙌✨", "excitement"),
    **dict.fromkeys("❤♥💕💖💗💘💞💓💙💚💛🧡💜🖤🤍😍🥰😘😚😻💋", "love"),
    **dict.fromkeys("🤗🫂", "caring"),
    **dict.fromkeys("🙏", "gratitude"),
    **dict.fromkeys("👍👏💯💪🏆", "admiration"),
    **dict.fromkeys("😭😢😞😔🥺😿☹🙁😥😓", "sadness"),
    **dict.fromkeys("💔", "grief"),
    **dict.fromkeys("😩😫😣😖", "disappointment"),
    **dict.fromkeys("😡🤬😠👿💢🖕", "anger"),
    **dict.fromkeys("😤🙄😒👎", "annoyance"),
    **dict.fromkeys("😱😨😧👻", "fear"),
    **dict.fromkeys("😰😬😟", "nervousness"),
    **dict.fromkeys("🤢🤮💩🤧", "disgust"),
    **dict.fromkeys("😮😯😲🤯😳", "surprise"),
    **dict.fromkeys("🤔🧐", "curiosity"),
    **dict.fromkeys("🤞🌈", "optimism"),
}
"""Fine label of each emoji; BERT reads nearly all of them as [UNK]."""

_THEIR = r"(?:my|his|her|their)"

ACTIONS: dict[str, tuple[str, ...]] = {
    "sadness": (
        *(r"cr(?:y|ies|ying)", r"sob(?:s|bing)?", r"weep\w*", r"tear(?:s|y)?", r"sniff\w*", r"whimper\w*"),
        *(r"sigh(?:s|ing)?", r"pout\w*", r"slump\w*", r"mop(?:es|ing)"),
    ),
    "love": (
        *(r"hug\w*", r"cuddl\w+", r"kiss\w*", r"embrac\w+", r"snuggl\w+", r"nuzzl\w+", r"caress\w*"),
        r"hold(?:s|ing)? your hand",
    ),
    "amusement": (r"laugh\w*", r"giggl\w+", r"chuckl\w+", r"snicker\w*", "lol"),
    "joy": (
        *(r"smil\w+", r"grin\w*", r"beam(?:s|ing)", r"danc\w+", r"clap\w*", r"cheer(?:s|ing)", r"bounc\w+"),
        *(r"twirl\w*", r"high.?fiv\w+"),
    ),
    "anger": (
        *(r"glar\w+", r"slam\w*", r"storm(?:s|ing) (?:off|out|away)", r"growl\w*", r"scowl\w*", r"snarl\w*"),
        *(r"punch\w*", r"stomp\w*", r"clench\w*", r"scream(?:s|ing) at", r"hiss\w*"),
    ),
    "annoyance": (rf"roll(?:s|ing)? {_THEIR} eyes", r"groan\w*", r"huff\w*"),
    "fear": (
        *(r"trembl\w+", r"shiver\w*", r"shak(?:es|ing)", r"cower\w*", r"flinch\w*", r"hid(?:es|ing) (?:behind|under)"),
        *(r"back(?:s|ing) away", r"gulp\w*"),
    ),
    "surprise": (r"gasp\w*", r"gap(?:es|ing)", "eyes widen", "jaw drops", "blinks"),
    "disgust": (r"gag(?:s|ging)", r"retch\w*", r"grimac\w+", r"recoil\w*", rf"wrinkl\w+ {_THEIR} nose", r"vomit\w*"),
    "embarrassment": (r"blush\w*", r"fac(?:e)?palm\w*", r"cring\w+"),
    "nervousness": (r"fidget\w*", rf"bit(?:es|ing) {_THEIR} (?:lip|nails)", r"pac(?:es|ing) (?:back|around|up)"),
    "approval": (r"nod(?:s|ding)",),
}
"""Verbs of played actions (`*slams the door*`) by the fine label they show."""

INTERJECTIONS: dict[str, tuple[str, ...]] = {
    "disgust": (r"e+w{3,}", r"yu+ck{3,}", r"yu{3,}ck"),
    "excitement": (r"y+a{3,}y+", r"ya+y{3,}", r"wo{3,}(?:h+o*)?", r"ye+s{3,}", r"ye{3,}s+"),
    "disappointment": (r"no{3,}", r"aw{3,} man"),
    "annoyance": (r"u+gh{3,}", r"u{3,}gh+", r"gr{3,}"),
    "surprise": (r"wo+w{3,}", r"wo{3,}w+", r"wha{3,}t+"),
    "caring": (r"a+w{3,}",),
    "fear": (r"a{4,}h+",),
}
"""Drawn-out exclamations, by fine label: BERT's vocabulary only knows the short ones."""

STATES: dict[str, tuple[str, ...]] = {
    "sadness": (
        *("sad", "unhappy", "depressed", "miserable", "upset", "heartbroken", "lonely", "disappointed", "crying"),
        *("ashamed", "grieving"),
    ),
    "anger": ("angry", "mad", "furious", "annoyed", "pissed", "irritated", "upset", "jealous", "disgusted", "outraged"),
    "fear": (
        *("afraid", "scared", "terrified", "nervous", "worried", "anxious", "frightened", "panicking", "stressed"),
        "scary",
    ),
    "joy": ("happy", "glad", "excited", "cheerful", "delighted", "proud", "thrilled", "joy"),
    "love": ("in love", "fond"),
    "surprise": ("surprised", "shocked", "amazed", "stunned", "astonished"),
}
"""Words that name how somebody is, by family of feeling. Looked at only where it is denied or somebody else's."""

THIRD_PERSON: dict[str, tuple[str, ...]] = {
    "anger": ("hates", "hated"),
    "joy": ("enjoys", "enjoyed"),
    "love": ("loves", "loved", "adores", "likes", "liked"),
}
VERBS: dict[str, tuple[str, ...]] = {
    "anger": ("hate",),
    "joy": ("enjoy", "enjoying"),
    "love": ("love", "(?<!feel )like"),
}
"""Verbs that say the same, as said of others and of oneself."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "sadness": ("sadness", "grief", "disappointment", "remorse", "embarrassment"),
    "anger": ("anger", "annoyance", "disapproval", "disgust"),
    "fear": ("fear", "nervousness"),
    "joy": ("joy", "excitement", "amusement", "pride", "relief", "gratitude", "optimism"),
    "love": ("love", "caring", "admiration", "approval", "desire"),
    "surprise": ("surprise", "realization", "confusion"),
}
"""The fine labels that a family of `STATES` stands for."""

OUTLOOK: dict[str, tuple[str, ...]] = {
    "pessimism": (
        *("hopeless", "what'?s the point of", "doomed", "bound to fail", "going to fail", "stand a chance"),
        *(
            "never (?:going to|gonna|works? out)",
            "i'?ll never (?!forget)",
            "it never will",
            "only (?:going to )?get worse",
        ),
        "always (?:going to )?be like this",
    ),
    "anticipation": (
        *("can(?:'|no)?t wait", "look(?:ing)? forward", "count(?:ing)? (?:the (?:hours|days|minutes)|down)"),
        *("(?:so|really) ready for", r"want to \w+ [^.!?]{0,60}so bad", "dying to", "keep refreshing"),
    ),
    "trust": (
        r"(?:i|we) (?:really |completely |fully |do )?(?:trust|believe (?:in )?you)",
        *("count on", "rely on", "depend on", "got your back"),
    ),
}
"""What is said of the future, or of relying on somebody: outside labels that the 28 do not name."""
