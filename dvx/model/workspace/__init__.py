"""What a checkout must change, as a value: contents before and wanted in, a `CheckoutPlan` out."""
