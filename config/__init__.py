"""Settings: pydantic models, YAML profiles, environment, secrets. Unknown keys are refused with the fix named."""
