"""The import workbook (学生基本信息表): its template, its reading, its checks."""
