"""Options to data, networks, trainers and evaluators: all the wiring lives here."""
