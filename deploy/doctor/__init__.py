"""Examine an installation and say what is wrong with it, each with its remedy. Starts, changes and sends nothing."""

from deploy.doctor.examination import examine
from deploy.doctor.finding import Finding
from deploy.doctor.target import Target, from_environment, from_folder

__all__ = ["Finding", "Target", "examine", "from_environment", "from_folder"]
