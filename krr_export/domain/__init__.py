"""Norway and its register: identity and organisation numbers, mailbox providers, times, vocabulary, store names."""
