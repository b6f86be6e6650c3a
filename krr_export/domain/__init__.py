"""Norway and its register: identity and organisation numbers, mailbox providers, times, the terms of the register."""
