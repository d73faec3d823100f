"""The simulated venue: rules, books, matching engine, and the gateway that talks to it."""
