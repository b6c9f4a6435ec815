import type { Feeling } from "@/lib/feelings";

export const feelings: Record<Feeling, string> = {
  anger: "anger",
  anticipation: "anticipation",
  disgust: "disgust",
  fear: "fear",
  joy: "joy",
  love: "love",
  optimism: "optimism",
  pessimism: "pessimism",
  sadness: "sadness",
  surprise: "surprise",
  trust: "trust",
  neutral: "calm",
};
