"""How rows reach a response: a selection becomes one SQL statement that returns finished JSON."""
