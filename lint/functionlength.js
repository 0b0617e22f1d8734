/**
 * A lint rule: how many lines a function has of its own, those of the functions inside it not counted.
 * The common rule counts a factory with all the functions it returns, and so says nothing about either.
 */

const functionTypes = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'];

const rule = {
  meta: { type: 'suggestion', schema: [{ type: 'object' }] },
  create(context) {
    const { max } = context.options[0];
    const nestedLines = [];
    const enter = () => nestedLines.push(0);
    const exit = (node) => {
      const lines = node.loc.end.line - node.loc.start.line + 1;
      const own = lines - nestedLines.pop();
      if (nestedLines.length > 0) nestedLines[nestedLines.length - 1] += lines;
      if (own <= max) return;
      context.report({
        node,
        message: `The function has ${own} lines of its own; ${max} are allowed.`,
      });
    };
    return Object.fromEntries(
      functionTypes.flatMap((type) => [
        [type, enter],
        [`${type}:exit`, exit],
      ]),
    );
  },
};

export default {
  meta: { name: 'fleetwire' },
  rules: { 'function-length': rule },
};
