"""Real processes that are killed, stopped and doubled, with real servers at the other end that count."""
