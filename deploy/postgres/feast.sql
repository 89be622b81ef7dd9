-- Runs once, when the volume is empty. MLflow has the database that the image makes (POSTGRES_DB); Feast's registry gets its own.
CREATE DATABASE feast;
