"""The words: models, money, contract arithmetic, events, commands, errors, life cycles and ports."""
