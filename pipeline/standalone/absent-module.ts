// In the place of modules that libraries load where they find them.
throw new Error('Cannot find this module: it is not part of the program');
