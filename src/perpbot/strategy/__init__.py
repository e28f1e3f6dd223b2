"""What opens and closes positions: the strategy protocol, intents, and the exit rule of a pair."""
