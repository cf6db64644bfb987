"""What safety costs: the policy, the log, and a flood of sign-ins."""
