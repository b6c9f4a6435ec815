"""The sentences of the offline answers. Where there are several, one is drawn, so that they do not wear out."""

from __future__ import annotations

NOTICE = (
    "One thing you should know: no language model is connected to me yet, so I can listen, remember and quote, but not "
    "really converse. To change that, start Ollama on this machine (`ollama pull llama3.2`; I find it by myself), or "
    "name any OpenAI-compatible endpoint: under Settings on my page, with `whisperengine settings set llm.url URL`, or "
    "in LLM_CHAT_API_URL before I start."
)

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

REACTIONS = {
    "anger": (
        "I hear how angry that makes you.",
        "That sounds maddening.",
        "No wonder that makes your blood boil.",
    ),
    "anticipation": (
        "You are looking forward to it, I can tell.",
        "Something to look forward to.",
        "I hear how much you want that.",
    ),
    "disgust": ("That does sound revolting.", "I understand why that repels you.", "Not pleasant at all."),
    "fear": ("That sounds frightening.", "I hear the worry in that.", "It is all right to be uneasy about this."),
    "joy": ("I'm glad to hear that.", "That is good news to have.", "How lovely."),
    "love": ("That is said with love.", "I hear how dear that is to you.", "There is a lot of warmth in that."),
    "optimism": ("It is good to hear you hopeful.", "I like the hope in that.", "That sounds promising."),
    "pessimism": (
        "It sounds as if you don't expect much good of it.",
        "That sounds discouraging.",
        "I hear that it looks bleak to you now.",
    ),
    "sadness": ("I'm sorry. That sounds sad.", "I'm sorry you carry that.", "That hurts to hear; I'm sorry."),
    "surprise": ("That is a surprise.", "You did not see that coming, it seems.", "Well, that is unexpected."),
    "trust": ("Thank you for trusting me with that.", "That sounds like solid ground.", "It is good to have that."),
}
HEAVY = frozenset({"anger", "disgust", "fear", "pessimism", "sadness"})

KEPT = (
    "I keep it just as you said it.",
    "I have that now, word for word.",
    "It stays with me; ask me about it whenever you like.",
    "That is kept, in your own words.",
)
WILL_KEEP = (
    "I will remember it, word for word.",
    "It is kept. Ask me, and you will have it back.",
    "I won't lose it: it is kept as you said it.",
)
LISTENING = ("I'm listening.", "Go on, I'm here.", "Tell me more, if you like.")
REMEMBERED = ("I remember.", "Yes, I have that.", "That I kept.", "I do remember.")
LOOKED = ("Let me look.", "I looked through what was said.", "Here is what I find.")
NEAREST = (
    "I find nothing that answers this for certain. The nearest is",
    "For certain I can't say. What comes closest is",
    "Not exactly, as far as I can find. Closest is",
)
NOTHING = (
    "I find nothing about that in what you have told me.",
    "You have not told me about that, as far as I can find.",
    "I looked, and there is nothing about that among the things you told me.",
)
NOTHING_YET = (
    "You have not told me anything about yourself yet. Whatever you tell me, I will keep.",
    "Nothing yet: this is where it begins. Tell me something, and I will remember it.",
)
OVERVIEW = (
    "This is what you have told me, in your own words:",
    "Here is what I have of you, as you said it:",
    "These are your own words:",
)
BEYOND_ME = (
    "That I can't answer without a language model.",
    "For that I would need a language model.",
    "I can't work that out by myself; without a language model I only have what was said.",
)
ON_THAT = ("On that I only have what", "What I have on that is what", "I can only give you what")
BACK = ("Good to have you back{name}.", "Hello again{name}.", "There you are{name}.")
BYE = ("Until next time{name}.", "Take care{name}. I will be here.", "Goodbye{name}. What you told me is kept.")
WELCOME = ("You are welcome{name}.", "Gladly{name}.", "Any time{name}.")
FINE = ("I am here and listening. And you?", "All well where I am. How are you?", "Awake, and glad you ask. And you?")
DESPAIR = (
    "I'm truly sorry that it hurts this much, and I'm glad you said it. No language model is connected to me, so I can "
    "only listen, and you deserve more than that right now: please talk to somebody you trust, or call a crisis line "
    "or your emergency number. If you are in danger, do it this minute."
)
