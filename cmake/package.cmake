# What is installed: the program with its libraries and plugins, and the package for plugin authors.
