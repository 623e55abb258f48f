DROP TABLE house_rule;
