import { Suspense } from "react";

import { Chat } from "@/components/chat/chat";

export default function ChatPage() {
  return (
    <Suspense>
      <Chat />
    </Suspense>
  );
}
