"""What one store lacks of another, as values: `plan.TransferPlan`, packs and their indexes, claims, versions of files."""
