"""The journal, alerts, approvals, operators and roles."""
