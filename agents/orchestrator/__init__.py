"""The runs of the agents: their graph, what it keeps between steps, and who starts, resumes and ends them."""
