"""Kinds of nodes that names may stand for."""

EVENTS = ("DomainEvent", "Command")
OBJECTS = ("Entity", "ValueObject", "DomainEvent", "Command", "enum", "BasicType", "DataTransferObject", "Trait")
"""What CML calls a simple domain object."""
CLASSES = ("Entity", "ValueObject", *EVENTS)
"""What CML calls a domain object."""
SERVICES = ("Service",)
REPOSITORIES = ("Repository",)
OPERATIONS = ("ServiceOperation", "RepositoryOperation", "ResourceOperation", "DomainObjectOperation")
