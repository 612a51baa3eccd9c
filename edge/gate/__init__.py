"""The reference gate: rules, journal and drivers; `conformance` holds any other gate against the rules."""
