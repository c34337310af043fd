"""Operations: one wish about many jobs, carried out job by job in the background."""
